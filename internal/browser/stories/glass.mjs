// Nobody answers and a life is at stake: a second agent confirms, the glass is broken, a supervisor reviews it.
import { readEvidence } from '../lib/staff.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { staff, talk, request, Caller, T, at, must, until, step, look, machine } = scene;
  const [first, second] = T(['amal', 'bruno'], ['chloe', 'kenza']);
  await Caller.staff('diane').then((d) => d.get('/me'));
  const told = await talk(first, [T("J'ai avalé les cachets.", 'I have swallowed the pills.')]);
  await told.minor.send('PUT', '/conversation/facets/location', { value: T('12 rue des Lilas', '12 Lilac Street') });
  const asked = await request(told, { facets: ['location'] });
  const agent = await staff(first);
  await agent.goto(`${at.staff}/agent/c/${told.id}/request/${asked.id}`);
  await agent.getByText(T('Le délai est passé.', 'The wait is over.')).waitFor();
  await look(agent, 'agent/glass-to-break');
  const colleague = await staff(second);
  await colleague.goto(at.staff + '/agent/confirmations');
  const card = colleague.locator('li.card', { has: colleague.locator(`form[action$="/confirmations/${asked.id}"]`) });
  await card.waitFor();
  await look(colleague, 'agent/confirmations');
  await card.getByRole('button', { name: T('Je confirme : le danger est immédiat', 'I confirm: danger is immediate') }).click();
  await colleague.getByText(T('Votre collègue peut briser la vitre', 'Your colleague may break the glass')).waitFor();
  await look(colleague, 'agent/confirmed');
  step('a second agent confirms');

  await agent.getByRole('button', { name: T('Briser la vitre', 'Break the glass') }).click();
  await agent.getByRole('button', { name: T("Ouvrir l'identité", 'Open the identity') }).waitFor();
  await look(agent, 'agent/glass-broken');
  await agent.getByRole('button', { name: T("Ouvrir l'identité", 'Open the identity') }).click();
  await agent.getByText(T('12 rue des Lilas', '12 Lilac Street')).waitFor();
  step('the glass is broken, and the place is read');

  const supervisor = await staff('etienne');
  await supervisor.getByRole('heading', { name: T('Vitres brisées à revoir', 'Broken glasses to review') }).waitFor();
  await look(supervisor, 'supervisor/queue-review');
  await readEvidence(supervisor, scene, asked.id);
  await look(supervisor, 'supervisor/review');
  await supervisor.getByRole('button', { name: T("C'était justifié", 'It was right') }).click();
  await until(async () => (await machine.entries(told.id)).includes('escalation.reviewed'), 'the review is an entry');
  const entries = (await machine.entries(told.id)).filter((a) => /glass|confirm|review|release/.test(a));
  must(entries.join(' ').startsWith('escalation.break_glass_confirmed escalation.glass_broken identity.release_ordered identity.released'), `on the record, in order: ${entries}`);
  step('a supervisor reviews it, having read the evidence');
}
