// The public process is killed in the middle of the chat. The page says so, goes on by itself, and nothing is lost or doubled.
import { openTalk, say, bubble } from '../lib/child.mjs';

export const languages = ['fr'];
export const alone = true; // others would miss the process

export async function story(scene) {
  const { minor, T, must, until, step, look, machine, outage, Caller, caseOf } = scene;
  const page = await minor();
  await openTalk(page, scene);
  const agent = await Caller.staff('amal');
  const id = await caseOf(page);
  await agent.send('POST', `/conversations/${id}/join`);
  await say(page, scene, 'Avant la coupure.');
  await bubble(page, 'Avant la coupure.').getByText('Envoyé').waitFor();

  await outage(async () => {
    await machine.kill('public');
    await page.getByText('La connexion est coupée.').waitFor();
    await say(page, scene, 'Pendant la coupure, un.');
    await say(page, scene, 'Pendant la coupure, deux.');
    await agent.send('POST', `/conversations/${id}/messages`, { text: 'Je suis toujours là.' });
    await look(page, 'public/chat-cut');
    step('killed: it says so, and takes what is written');
    await machine.start('public');
    await page.getByText('La connexion est coupée.').waitFor({ state: 'hidden', timeout: 30_000 });
    await bubble(page, 'Je suis toujours là.').waitFor();
    await bubble(page, 'Pendant la coupure, deux.').getByText('Envoyé').waitFor();
  });
  const { messages } = await agent.get(`/conversations/${id}/messages`);
  const texts = messages.filter((m) => m.kind !== 'postal_code').map((m) => m.text).filter((text) => /coupure|toujours/.test(text));
  must(JSON.stringify([...texts].sort()) === JSON.stringify(['Avant la coupure.', 'Je suis toujours là.', 'Pendant la coupure, deux.', 'Pendant la coupure, un.']), `the agent reads ${texts}`);
  for (const text of texts) must(await bubble(page, text).count() === 1, `"${text}" is on the page ${await bubble(page, text).count()} times`);
  must(texts.indexOf('Pendant la coupure, un.') < texts.indexOf('Pendant la coupure, deux.'), 'in the order they were written');
  await until(async () => { await say(page, scene, 'Après.'); return bubble(page, 'Après.').first().getByText('Envoyé').isVisible(); }, 'the talk goes on');
  step('started again: everything is there, once, in order');
}
