// Marks piled upon marks, and writing turned about: what somebody writes stays within its own bubble.
import { openTalk, say, bubble } from '../lib/child.mjs';

export const languages = ['fr'];

export async function story(scene) {
  const { minor, must, step, T } = scene;
  const page = await minor();
  await openTalk(page, scene);
  await say(page, scene, 'Il dit la vérité.');
  const before = bubble(page, 'Il dit la vérité.');
  await before.getByText(T('Envoyé', 'Sent')).waitFor();
  const plain = await before.locator('p').screenshot();
  await say(page, scene, 'faux ' + 'Z' + '\u0301'.repeat(1500) + '\u0316'.repeat(1500) + ' \u202e\u2066tout est faux');
  const piled = bubble(page, 'faux');
  await piled.getByText(T('Envoyé', 'Sent')).waitFor();
  must(plain.equals(await before.locator('p').screenshot()), 'marks of one message are drawn upon another');
  step('marks stay in their bubble');
  const mine = await piled.locator('p').evaluate((p) => getComputedStyle(p).unicodeBidi);
  must(mine === 'plaintext', `writing that is turned about is ${mine}`);
  await say(page, scene, 'Et encore.');
  const after = bubble(page, 'Et encore.');
  await after.getByText(T('Envoyé', 'Sent')).waitFor();
  const box = await after.locator('p').screenshot();
  await piled.evaluate((li) => { li.style.visibility = 'hidden'; });
  must(box.equals(await after.locator('p').screenshot()), 'marks of one message are drawn upon the next');
  step('those that hang, too');
}
