// With the young person's consent: they say yes in their own words, the agent asks, a supervisor approves; then they change their mind.
import { beginRequest, choose, showDanger, sendRequest, readEvidence } from '../lib/staff.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { staff, minorOf, talk, T, at, must, until, step, look } = scene;
  const account = T('bruno', 'amal');
  const words = T('Oui, appelez ma tante Zoé.', 'Yes, call my aunt Zoe.');
  const told = await talk(account, [T("J'aimerais que ma tante soit là.", 'I would like my aunt to be there.')]);
  const child = await minorOf(told.minor);
  await child.goto(at.public + '/mine/safe');
  await child.getByRole('radio').nth(1).check();
  await child.getByLabel(T('Écris-le ici', 'Write it here')).fill('06 11 22 33 44');
  await child.getByRole('button', { name: T('Mettre au coffre', 'Put it into the safe') }).click();
  await child.getByText(T("C'est dans le coffre.", 'It is in the safe.')).waitFor();
  await child.goto(at.public + '/mine/consent');
  await child.locator('input[name=facet][value=contact]').check();
  await child.getByLabel(T('Dis-le avec tes mots', 'Say it in your own words')).fill(words);
  await child.getByRole('button', { name: T('Dire oui', 'Say yes') }).click();
  await child.getByText(T("C'est noté : tu as dit oui.", 'It is noted: you said yes.')).waitFor();
  step('the young person puts a number into the safe, and says yes in their own words');

  const agent = await staff(account);
  await agent.goto(`${at.staff}/agent/c/${told.id}`);
  await agent.getByText(words).first().waitFor();
  await look(agent, 'agent/talk-with-consent');
  await beginRequest(agent, scene, told.id);
  await choose(agent, T('1. Motif', '1. Ground'), T('Accord du jeune', 'The young person agrees'));
  await agent.locator('input[name=consent]').first().check();
  await showDanger(agent);
  await agent.getByRole('log').getByRole('checkbox').nth(0).check();
  await agent.getByRole('group', { name: T("4. Ce qu'il faut ouvrir", '4. What must be opened') }).getByLabel('Contact', { exact: true }).check();
  await agent.locator('#preview').getByText(T('La règle permet cette demande.', 'Policy lets this be asked.')).waitFor();
  await look(agent, 'agent/request-consent');
  await agent.getByLabel(/5\. /).fill(T('Appeler la tante, à sa demande.', 'Call the aunt, as they ask.'));
  const request = await sendRequest(agent, scene);
  const supervisor = await staff('etienne');
  await readEvidence(supervisor, scene, request);
  await supervisor.getByText(words).waitFor();
  await look(supervisor, 'supervisor/evidence-consent');
  await supervisor.getByRole('button', { name: T('Accorder', 'Approve'), exact: true }).click();
  await agent.getByRole('button', { name: T("Ouvrir l'identité", 'Open the identity') }).click();
  await agent.getByText('06 11 22 33 44').waitFor();
  step('asked, approved, opened');

  await child.reload();
  await child.getByRole('button', { name: T("Je change d'avis", 'I change my mind') }).click();
  await child.getByText(T("C'est repris.", 'It is taken back.')).waitFor();
  await agent.getByText('06 11 22 33 44').waitFor({ state: 'detached' });
  must(!(await agent.content()).includes('06 11 22 33 44'), 'what was opened is still in the page');
  await look(agent, 'agent/consent-taken-back');
  step('taken back: it leaves the screen of the agent at once');
  await until(async () => (await told.agent.get(`/escalations/${request}`)).state === 'closed', 'nothing opens any more');
}
