// Imminent danger: the agent asks beside the conversation, a supervisor approves, the identity is opened for its time and is gone.
import { take, beginRequest, showDanger, sendRequest, choose } from '../lib/staff.mjs';
import { bubble } from '../lib/child.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { staff, minorOf, talk, Caller, T, at, must, until, step, look, machine } = scene;
  const account = T('amal', 'bruno');
  await Caller.staff('diane').then((d) => d.get('/me')); // somebody is on duty
  const told = await talk(account, [T("Il a un couteau, il est dans l'appartement.", 'He has a knife, he is in the flat.'), T('Je suis dans la salle de bain.', 'I am in the bathroom.')]);
  const secret = `Lou Perrin-${scene.lang}`;
  await told.minor.send('PUT', '/conversation/facets/name', { value: secret });
  const agent = await staff(account);
  await agent.addInitScript(() => { window.print = () => { window.printed = (window.printed || 0) + 1; }; });
  await beginRequest(agent, scene, told.id);
  await agent.locator('#preview').getByText(T("Pas encore : voici ce que la règle objecte.", 'Not yet: this is what policy objects to.')).waitFor();
  await look(agent, 'agent/request-objected');
  step('before anything is sent, policy says what it objects to');

  await choose(agent, T('1. Motif', '1. Ground'), T('Danger imminent', 'Imminent danger'));
  await showDanger(agent);
  await agent.getByRole('log').getByRole('checkbox').nth(0).check();
  await agent.getByRole('group', { name: T("4. Ce qu'il faut ouvrir", '4. What must be opened') }).getByLabel(T('Nom', 'Name'), { exact: true }).check();
  await agent.locator('#preview').getByText(T('La règle permet cette demande.', 'Policy lets this be asked.')).waitFor();
  await agent.getByLabel(/5\. /).fill(T('Arme et agresseur sur place, mineur enfermé.', 'A weapon and the attacker there, the minor shut in.'));
  await look(agent, 'agent/request-allowed');
  const request = await sendRequest(agent, scene);
  await agent.getByText(T("La demande attend la réponse d'un superviseur.", 'The request waits for the answer of a supervisor.')).waitFor();
  await look(agent, 'agent/request-waiting');
  must(!(await agent.content()).includes(secret), 'the identity is in no page before it is opened');
  step('the request is sent, and counts down');
  scene.request = request;

  const supervisor = await Caller.staff('diane');
  const asked = await supervisor.get(`/escalations/${request}`);
  await supervisor.send('POST', `/escalations/${request}/evidence`);
  await supervisor.send('POST', `/escalations/${request}/approve`, { request: asked.request, facets: ['name'] });
  const open = agent.getByRole('button', { name: T("Ouvrir l'identité", 'Open the identity') });
  await open.waitFor();
  await look(agent, 'agent/request-granted');
  must(!(await agent.content()).includes(secret), 'the identity is in no page before it is opened');
  step('granted: the agent sees it at once');

  await open.click();
  await agent.getByText(secret).first().waitFor();
  const opened = Date.now();
  await look(agent, 'agent/identity');
  await agent.getByRole('button', { name: T('Imprimer la fiche pour les secours', 'Print the sheet for emergency services') }).click();
  await until(() => agent.evaluate(() => window.printed === 1), 'the sheet goes to the printer');
  must((await machine.entries(told.id)).includes('identity.printed'), 'printing is an entry');
  const source = await agent.context().request.get(agent.url());
  must(!(await source.text()).includes(secret), "the identity is in the page's own source");
  step('opened, printed on the record; the source of the page never holds it');

  await agent.getByText(T("L'identité n'est plus à l'écran.", 'The identity is no longer on the screen.')).waitFor({ timeout: 40_000 });
  must(!(await agent.content()).includes(secret), 'the identity is still in the page');
  await look(agent, 'agent/identity-gone');
  await agent.reload();
  must(!(await agent.content()).includes(secret), 'the identity is in the page again');
  must(await agent.getByRole('button', { name: T("Revoir l'identité", 'Show the identity again') }).count() === 0, 'it can still be opened');
  step(`gone after its window, ${Math.round((Date.now() - opened) / 1000)} s later`);

  await agent.getByText(T('Le dire au jeune', 'Tell the young person')).first().waitFor();
  await agent.getByLabel(T("C'est dit", 'Told'), { exact: true }).check();
  await agent.getByRole('button', { name: T('Noter', 'Record'), exact: true }).click();
  await until(async () => (await machine.entries(told.id)).includes('minor.told'), 'telling the minor is an entry');
  const child = await minorOf(told.minor);
  await child.goto(at.public + '/mine/openings');
  await child.getByRole('button', { name: T('Demander', 'Ask'), exact: true }).click();
  await child.locator('.given li').first().waitFor();
  await look(child, 'public/openings');
  step('the young person is told, and sees who opened what, and why');
  await agent.goto(at.staff + '/agent/requests');
  await look(agent, 'agent/requests');
}
