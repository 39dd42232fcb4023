// What is theirs: a facet put into the safe, a yes given and taken back, who opened what, a copy, erasure, the end.
import { bubble } from '../lib/child.mjs';

export const languages = ['fr', 'en'];

export async function story({ talk, minorOf, at, T, must, step, look, machine }) {
  const told = await talk('amal', [T('Je veux que ma tante soit prévenue.', 'I want my aunt to be told.')]);
  const page = await minorOf(told.minor);
  await page.goto(at.public + '/chat');
  await bubble(page, T('ma tante', 'my aunt')).waitFor();
  await page.getByRole('button', { name: T('Mes droits ici', 'My rights here') }).click();
  await page.waitForURL('**/mine');
  await look(page, 'public/rights');

  await page.getByRole('link', { name: T('Mettre quelque chose au coffre', 'Put something into the safe') }).click();
  await look(page, 'public/safe');
  await page.getByRole('radio').first().check();
  await page.getByLabel(T('Écris-le ici', 'Write it here')).fill('Lou Perrin');
  await page.getByRole('button', { name: T('Mettre au coffre', 'Put it into the safe') }).click();
  await page.getByText(T("C'est dans le coffre.", 'It is in the safe.')).waitFor();
  must(!(await page.content()).includes('Lou Perrin'), 'what is in the safe is not shown again');
  await look(page, 'public/safe-done');
  step('something is put into the safe');

  await page.goto(at.public + '/mine/consent');
  await look(page, 'public/consent');
  await page.getByRole('checkbox').first().check();
  await page.getByLabel(T('Dis-le avec tes mots', 'Say it in your own words')).fill(T('Oui, vous pouvez.', 'Yes, you may.'));
  await page.getByRole('button', { name: T('Dire oui', 'Say yes') }).click();
  await page.getByText(T("C'est noté : tu as dit oui.", 'It is noted: you said yes.')).waitFor();
  await look(page, 'public/consent-given');
  await page.getByRole('button', { name: T("Je change d'avis", 'I change my mind') }).click();
  await page.getByText(T("C'est repris.", 'It is taken back.')).waitFor();
  await look(page, 'public/consent-taken-back');
  const entries = await machine.entries(told.id);
  must(entries.includes('consent.given') && entries.includes('consent.withdrawn'), `both are entries: ${entries}`);
  step('a yes is given, and taken back');

  await page.goto(at.public + '/mine/openings');
  await look(page, 'public/openings-ask');
  await page.getByRole('button', { name: T('Demander', 'Ask'), exact: true }).click();
  await page.getByText(T('Aucune ouverture dont nous puissions te parler', 'No opening that we may tell you about')).waitFor();
  await look(page, 'public/openings-none');
  await page.goto(at.public + '/mine/copy');
  await page.getByText(T('ma tante', 'my aunt')).first().waitFor();
  await look(page, 'public/copy');
  step('who opened what, and a copy');

  await page.goto(at.public + '/mine/erase');
  await look(page, 'public/erase');
  await page.getByRole('checkbox').check();
  await page.getByRole('button', { name: T("Demander l'effacement", 'Ask for erasure') }).click();
  await page.getByText(T('Demandé le', 'Asked on')).waitFor();
  await look(page, 'public/erase-asked');
  step('erasure is asked for');

  await page.goto(at.public + '/mine/close');
  await look(page, 'public/close');
  await page.getByRole('checkbox').check();
  await page.getByRole('button', { name: T('Fermer la conversation', 'Close the conversation') }).click();
  await page.waitForURL('**/chat');
  await page.getByText(T('Cette conversation est fermée.', 'This conversation is closed.')).waitFor();
  await look(page, 'public/chat-closed');
  step('the conversation is closed, and can still be read');
}
