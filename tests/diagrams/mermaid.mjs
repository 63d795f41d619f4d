// Reads a JSON list of diagrams from the standard input and writes what Mermaid finds in each, or what it complains of.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const load = (path) => import(pathToFileURL(join(process.argv[2], 'node_modules', path)));
const { JSDOM } = (await load('jsdom/lib/api.js')).default;
const page = new JSDOM('<!doctype html><body></body>');
globalThis.window = page.window;
globalThis.document = page.window.document;
const { default: mermaid } = await load('mermaid/dist/mermaid.core.mjs');
mermaid.initialize({ startOnLoad: false });

const found = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    const { nodes, edges } = (await mermaid.mermaidAPI.getDiagramFromText(text)).db.getData();
    found.push({
      nodes: nodes.map(({ id, label, description, parentId, shape }) => ({ id, label, description, parentId, shape })),
      edges: edges.map(({ start, end, label }) => ({ start, end, label })),
    });
  } catch (error) {
    found.push({ error: String(error.message ?? error) });
  }
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));
