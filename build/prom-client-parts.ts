import type { Plugin } from 'esbuild';

/**
 * Parts of prom-client that nothing here uses and that bring Node's https, cluster and perf_hooks and OpenTelemetry's
 * API with them.
 */
const unused = /[\\/]prom-client[\\/]lib[\\/](cluster|defaultMetrics|pushgateway|summary)\.js$/;

/** Leaves those parts out: what prom-client exports of them is then an empty object. */
export const promClientParts: Plugin = {
  name: 'prom-client-parts',
  setup({ onLoad }) {
    onLoad({ filter: unused }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};
