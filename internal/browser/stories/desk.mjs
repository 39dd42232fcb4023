// An agent's night: the queue, a conversation taken, both sides on their pages, ready replies, a psychologist, the end.
import { openTalk, say, bubble } from '../lib/child.mjs';
import { take, reply } from '../lib/staff.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { minor, staff, T, at, must, until, step, look, caseOf, Caller, talk } = scene;
  const child = await minor();
  await openTalk(child, scene, '75011', 'sextortion');
  await say(child, scene, T('Il a mes photos.', 'He has my pictures.'));
  const id = await caseOf(child);
  const account = T('amal', 'bruno'); // each telling at a desk of its own
  const agent = await staff(account);
  must(await agent.locator(`form[action$="/c/${id}/join"]`).count() === 1, 'who waits is in the queue');
  await look(agent, 'agent/desk-waiting');
  await take(agent, id);
  await agent.getByText(T('Il a mes photos.', 'He has my pictures.')).waitFor();
  await child.getByText(T('Tu parles avec un agent', 'You are talking with an agent')).waitFor();
  step('the agent takes who waits');

  await reply(agent, scene, T('Je suis là.', 'I am here.'));
  await bubble(child, T('Je suis là.', 'I am here.')).waitFor();
  await child.getByLabel(T('Ton message', 'Your message')).pressSequentially(T('Il veut', 'He wants'), { delay: 20 });
  await agent.getByText(T('Le jeune écrit…', 'The young person is typing…')).waitFor();
  await look(agent, 'agent/talk');
  await child.getByRole('button', { name: T('Envoyer', 'Send'), exact: true }).click();
  await agent.getByRole('log').getByText(T('Il veut', 'He wants')).waitFor();
  await agent.getByLabel(T('Votre message', 'Your message')).pressSequentially('Je', { delay: 20 });
  await child.getByText(T("Quelqu'un t'écrit…", 'Somebody is writing to you…')).waitFor();
  await agent.getByLabel(T('Votre message', 'Your message')).fill('');
  await agent.getByText(T('Réponses types', 'Ready replies')).click();
  await agent.getByRole('button', { name: T('Garder les preuves', 'Keep the proof') }).click();
  must((await agent.getByLabel(T('Votre message', 'Your message')).inputValue()).length > 40, 'a ready reply is put into the field, to be read again');
  await agent.keyboard.press('Control+Enter');
  await bubble(child, T("N'efface rien.", 'Do not delete anything.')).waitFor();
  step('both write on their pages, see each other type, and nobody reloads');

  const others = [await talk(account, [T('Ils recommencent.', 'They do it again.')]), await talk(account)];
  await agent.goto(at.staff + '/agent');
  await agent.locator(`[data-pane="${others[0].id}"]`).waitFor();
  must(await agent.locator('[data-pane]').count() >= 3, 'several conversations stand side by side');
  await look(agent, 'agent/desk-side-by-side');
  await others[1].minor.say(T('Vous êtes là ?', 'Are you there?'));
  await agent.locator(`[data-pane="${others[1].id}"]`).getByText(T('Vous êtes là ?', 'Are you there?')).waitFor();
  step('several conversations side by side, each live');

  await agent.goto(`${at.staff}/agent/c/${id}`);
  await agent.getByRole('button', { name: T('Demander un psychologue', 'Ask a psychologist in') }).click();
  await agent.getByText(T('Un psychologue a été appelé', 'A psychologist was called')).waitFor();
  const psychologist = await staff('farah');
  await look(psychologist, 'psychologist/desk-asked');
  await psychologist.locator(`form[action$="/c/${id}/join"]`).getByRole('button').click();
  await psychologist.waitForURL(`**/psychologist/c/${id}`);
  await psychologist.getByLabel('Danger', { exact: true }).check();
  await psychologist.getByLabel(T('Pourquoi', 'Why')).fill(T('Peur intense, se dit piégé.', 'Great fear, feels trapped.'));
  await psychologist.getByRole('button', { name: T("Enregistrer l'avis", 'Record the opinion') }).click();
  await psychologist.getByText(T('Peur intense', 'Great fear')).first().waitFor();
  await look(psychologist, 'psychologist/talk');
  await agent.getByText(T('Peur intense', 'Great fear')).first().waitFor();
  await child.getByText(T('Tu parles avec un agent et un psychologue.', 'You are talking with an agent and a psychologist.')).waitFor();
  step('a psychologist is asked in, joins, and says what they think of the danger');

  await Caller.staff('chloe'); // seen, so that there is a colleague
  await agent.getByRole('button', { name: T('Passer à un collègue', 'Hand over') }).click();
  await agent.getByRole('heading', { name: T('Passer la conversation', 'Hand the conversation over') }).waitFor();
  await look(agent, 'agent/hand-over');
  await agent.goto(`${at.staff}/agent/c/${id}`);
  await agent.getByRole('button', { name: T('Fermer la conversation', 'Close the conversation') }).click();
  await agent.getByLabel(T('Dernier message', 'Last message')).waitFor();
  await agent.locator('[data-into=last]').first().click();
  must((await agent.getByLabel(T('Dernier message', 'Last message')).inputValue()).length > 20, 'a last message is offered');
  await look(agent, 'agent/close');
  await agent.getByRole('button', { name: T('Envoyer et fermer', 'Send and close') }).click();
  await child.getByText(T('Cette conversation est fermée.', 'This conversation is closed.')).waitFor();
  await until(async () => (await agent.content()).includes(T('Cette conversation est fermée.', 'This conversation is closed.')) || agent.url().endsWith('/agent'), 'the agent sees that it is closed');
  step('the conversation ends with a last message');
}
