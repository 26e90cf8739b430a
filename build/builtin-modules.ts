import type { Plugin } from 'esbuild';

/**
 * Fetches Node's own modules by `process.getBuiltinModule` instead of by import. An import of such a module reads every
 * export that it has, and some are getters that load much more: `node:http` has one for WebSocket, which brings the
 * whole of undici, others bring web streams, web crypto or http2. So what is not used is not loaded: 3 MiB of an
 * agent's memory.
 */
export const builtinModules: Plugin = {
  name: 'builtin-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin-modules' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'builtin-modules' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};
