// Tells every story of a folder in one browser. Each line on standard output is a report for
// browser_test.go; what is for people goes to standard error.
import { readdir } from 'node:fs/promises';
import { World } from './lib/world.mjs';

const folder = process.argv[2];
const chosen = (process.env.SCEAU_STORIES || '').split(',').filter(Boolean);
const run = new RegExp(process.env.SCEAU_RUN || ''); // as go test -run: of names with _ for spaces
const report = (line) => process.stdout.write(JSON.stringify(line) + '\n');

// As many at a time as a machine of two cores tells without haste; one that breaks something is told alone, at the end.
const atOnce = 2;

const stories = [];
for (const file of (await readdir(new URL(folder, import.meta.url))).sort()) {
  const name = file.replace('.mjs', '');
  if (chosen.length && !chosen.includes(name)) continue;
  const { languages, story, seconds = 240, alone = false } = await import(`./${folder}/${file}`);
  for (const lang of languages) if (run.test(`${name}_(${lang})`)) stories.push({ name: `${name} (${lang})`, lang, story, seconds, alone });
}
report({ total: stories.length });

const world = await World.open();
async function tell(one) {
  const began = Date.now();
  let last = began;
  const faults = await world.tell(one, (what) => {
    report({ story: one.name, step: what, ms: Date.now() - last });
    last = Date.now();
  });
  report({ story: one.name, ok: faults.length === 0, ms: Date.now() - began, faults });
}
const together = stories.filter((one) => !one.alone);
await Promise.all(Array.from({ length: atOnce }, async () => {
  for (let one = together.shift(); one; one = together.shift()) await tell(one);
}));
for (const one of stories.filter((s) => s.alone)) await tell(one);
await world.close();
