// What agents and supervisors do on their pages, found by what it is called.
import { at, danger } from './machine.mjs';

/** Takes a conversation from the queue on an agent's desk. */
export async function take(page, id) {
  const form = page.locator(`form[action$="/c/${id}/join"]`);
  await form.getByRole('button').click();
  await page.waitForURL(`**/agent/c/${id}`);
}

/** Writes a message in the conversation on the screen. */
export async function reply(page, { T }, text) {
  await page.getByLabel(T('Votre message', 'Your message')).fill(text);
  await page.getByRole('button', { name: T('Envoyer', 'Send'), exact: true }).click();
  await page.getByRole('log').getByRole('listitem').filter({ hasText: text }).waitFor();
}

/** Chooses an answer of a group by their names. */
export const choose = (page, group, answer) =>
  page.getByRole('group', { name: group, exact: true }).getByLabel(answer, { exact: true }).check();

/** Answers the danger checklist so that policy lets it be asked. */
export async function showDanger(page) {
  for (const [question, answer] of Object.entries(danger)) await page.locator(`input[name=${question}][value="${answer}"]`).check();
}

/** Opens the request beside a conversation. */
export async function beginRequest(page, { T }, id) {
  await page.goto(`${at.staff}/agent/c/${id}`);
  await page.getByRole('button', { name: T("Demander la levée d'anonymat", 'Ask to lift anonymity') }).click();
  await page.waitForURL('**/request');
}

/** Sends the request, and returns its id. */
export async function sendRequest(page, { T }) {
  await page.getByRole('button', { name: T('Envoyer la demande', 'Send the request') }).click();
  await page.waitForURL(/\/request\/[0-9a-f-]{36}/);
  return page.url().match(/\/request\/([0-9a-f-]{36})/)[1];
}

/** A supervisor's screen of a request, with the evidence read. */
export async function readEvidence(page, { T }, request) {
  await page.goto(`${at.staff}/supervisor/requests/${request}`);
  await page.getByRole('button', { name: T('Lire les pièces', 'Read the evidence') }).click();
  await page.getByRole('heading', { name: T('Les messages cités', 'The messages cited') }).waitFor();
}
