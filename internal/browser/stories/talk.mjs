// A minor and an agent talk, both ways, live; the minor leaves, and comes back elsewhere with the phrase.
import { openTalk, say, bubble } from '../lib/child.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { minor, T, at, must, until, step, look, Caller, caseOf } = scene;
  const page = await minor();
  await openTalk(page, scene);
  await page.getByText(T("Personne n'est encore libre.", 'Nobody is free yet.')).first().waitFor();
  await say(page, scene, T('Il me suit jusque chez moi.', 'He follows me home.'));
  await bubble(page, T('Il me suit', 'He follows me')).getByText(T('Envoyé', 'Sent')).waitFor();
  await look(page, 'public/chat-waiting');
  step('nobody is free yet: it says so, and takes the message');

  const agent = await Caller.staff('amal');
  const id = await caseOf(page);
  await agent.send('POST', `/conversations/${id}/join`);
  await page.getByText(T('Tu parles avec un agent', 'You are talking with an agent')).waitFor();
  await agent.get(`/conversations/${id}/messages`);
  await bubble(page, T('Il me suit', 'He follows me')).getByText(T("Arrivé chez l'agent", "Arrived at the agent's")).waitFor();
  await agent.send('POST', `/conversations/${id}/messages`, { text: T('Je suis là. Tu es où maintenant ?', 'I am here. Where are you now?') });
  await bubble(page, T('Je suis là.', 'I am here.')).waitFor();
  await say(page, scene, T("Dans l'entrée.", 'In the hallway.'));
  await until(async () => (await agent.get(`/conversations/${id}/messages`)).messages.some((m) => m.text === T("Dans l'entrée.", 'In the hallway.')), 'the agent reads it');
  await agent.send('POST', `/conversations/${id}/typing`);
  await page.getByText(T("Quelqu'un t'écrit…", 'Somebody is writing to you…')).waitFor();
  await look(page, 'public/chat-live');
  step('both write and read, without anybody reloading');

  await page.getByText(T("Si je m'en vais", 'What happens if I leave?')).click();
  await page.getByRole('button', { name: T('Demander ma phrase secrète', 'Ask for my secret phrase') }).click();
  await look(page, 'public/phrase');
  await page.getByRole('button', { name: T('Montrer ma phrase', 'Show my phrase') }).click();
  const phrase = await page.locator('.phrase').innerText();
  must(phrase.trim().split(/\s+/).length === 8, `the phrase has eight words: ${phrase}`);
  await look(page, 'public/phrase-shown');
  step('the phrase is shown once');

  const elsewhere = await minor();
  await elsewhere.goto(at.public + '/return');
  await elsewhere.getByLabel(T('Tes huit mots', 'Your eight words')).fill('un deux trois quatre cinq six sept huit');
  await elsewhere.getByRole('button', { name: T('Retrouver ma conversation', 'Find my conversation') }).click();
  await elsewhere.getByRole('alert').filter({ hasText: /\S/ }).first().waitFor();
  await look(elsewhere, 'public/return-refused');
  await elsewhere.getByLabel(T('Tes huit mots', 'Your eight words')).fill(phrase.toUpperCase());
  await elsewhere.getByRole('button', { name: T('Retrouver ma conversation', 'Find my conversation') }).click();
  await elsewhere.waitForURL('**/chat');
  await bubble(elsewhere, T("Dans l'entrée.", 'In the hallway.')).waitFor();
  must(await bubble(elsewhere, T("Dans l'entrée.", 'In the hallway.')).count() === 1, 'a message is there once');
  step('with the phrase the conversation is found on another device');
}
