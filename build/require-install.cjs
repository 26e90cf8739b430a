'use strict';

// Every npm script loads this first, by `node -r` or as a program. It must run on any Node, also on those that cannot
// read TypeScript: where the scripts' own Node is missing, the machine's runs it. So: CommonJS, no dependencies, old
// syntax.

const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);
const modules = path.join(root, 'node_modules');

/** @returns what keeps the scripts from running and what to type; undefined when nothing does */
function problem() {
  const wanted = Number(require(path.join(root, 'package.json')).devDependencies.node.split('.')[0]);
  if (!fs.existsSync(path.join(modules, '.package-lock.json')))
    return 'The dependencies are not installed. Run: npm ci';
  if (Number(process.versions.node.split('.')[0]) >= wanted) return undefined;
  const ours = path.join(modules, '.bin', 'node');
  if (!fs.existsSync(ours))
    return `Node ${wanted} is missing from node_modules: npm ci ran without install scripts. Run: npm ci --ignore-scripts=false`;
  if (fs.realpathSync(ours) === fs.realpathSync(process.execPath))
    return `This needs Node ${wanted}, and node_modules has ${process.version}. Run: npm ci`;
  return `This needs Node ${wanted}, which is in node_modules, but ran on ${process.version}. Start it by npm, such as: npm start`;
}

const found = problem();
if (found !== undefined) {
  console.error(found);
  process.exit(1);
}
