// Tells every story of a folder, one after the other, in one browser. Each line on standard output is a report for
// browser_test.go; what is for people goes to standard error.
import { readdir } from 'node:fs/promises';
import { World } from './lib/world.mjs';

const folder = process.argv[2];
const chosen = (process.env.SCEAU_STORIES || '').split(',').filter(Boolean);
const report = (line) => process.stdout.write(JSON.stringify(line) + '\n');

const stories = [];
for (const file of (await readdir(new URL(folder, import.meta.url))).sort()) {
  const name = file.replace('.mjs', '');
  if (chosen.length && !chosen.includes(name)) continue;
  const { languages, story, seconds = 90 } = await import(`./${folder}/${file}`);
  for (const lang of languages) stories.push({ name: `${name} (${lang})`, file: name, lang, story, seconds });
}
report({ total: stories.length });

const world = await World.open();
let failed = 0;
for (const one of stories) {
  const began = Date.now();
  let last = began;
  const step = (what) => {
    report({ story: one.name, step: what, ms: Date.now() - last });
    last = Date.now();
  };
  const faults = await world.tell(one, step);
  if (faults.length) failed++;
  report({ story: one.name, ok: faults.length === 0, ms: Date.now() - began, faults });
}
await world.close();
process.exitCode = 0;
