// Reads a JSON list of diagrams from the standard input and writes what D2 finds in each, or what it complains of.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { D2 } = await import(pathToFileURL(join(process.argv[2], 'node_modules/@terrastruct/d2/dist/node-esm/index.js')));
const d2 = new D2();

const found = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    const { diagram } = await d2.compile(text);
    found.push({
      nodes: diagram.shapes.map(({ id, label }) => ({ id, label })),
      edges: diagram.connections.map(({ src, dst, label }) => ({ start: src, end: dst, label })),
    });
  } catch (error) {
    found.push({ error: String(error.message ?? error) });
  }
}
process.stdout.write(JSON.stringify(found), () => process.exit(0));
