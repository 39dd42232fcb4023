// Without a mouse: everything is reached by Tab, each thing that has the focus can be seen, and Enter does what a click does.
export const languages = ['fr'];

/** Presses Tab until what has the focus is called this. */
async function tabTo(page, name, { must }) {
  const met = [];
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab');
    const on = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      const shown = e.matches(':focus-visible') ? e : null;
      const beside = e.nextElementSibling; // a choice whose own box is hidden shows the focus on its label
      const outline = (x) => x && getComputedStyle(x).outlineStyle !== 'none' && parseFloat(getComputedStyle(x).outlineWidth) >= 2;
      const label = e.labels && e.labels[0] ? e.labels[0].innerText : '';
      const box = e.getBoundingClientRect();
      return {
        name: (e.getAttribute('aria-label') || label || e.innerText || e.value || '').trim().replace(/\s+/g, ' '),
        visible: outline(shown) || outline(beside), html: e.outerHTML.slice(0, 120), inside: box.bottom > 0 && box.top < innerHeight,
      };
    });
    if (!on) continue;
    met.push(on.name);
    must(on.visible, `the focus cannot be seen on ${on.html}`);
    if (on.name.startsWith(name)) {
      must(on.inside, `what has the focus is out of view: ${on.html}`);
      return;
    }
  }
  throw new Error(`Tab does not lead to "${name}", only to: ${met.join(' · ')}`);
}

export async function story(scene) {
  const { minor, at, must, step } = scene;
  const page = await minor({ size: 'desktop' });
  await page.goto(at.public + '/');
  await page.keyboard.press('Tab');
  must(await page.evaluate(() => document.activeElement.classList.contains('skip')), 'the first stop is the way to the content');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Écrire maintenant', scene);
  await page.keyboard.press('Space'); // it looks like a button
  await page.waitForURL('**/start');
  await tabTo(page, 'Ton code postal', scene);
  await page.keyboard.type('35000');
  await tabTo(page, 'De quoi veux-tu parler', scene);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await tabTo(page, 'Commencer à écrire', scene);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/chat');
  step('from the first page to the chat');
  await tabTo(page, 'Ton message', scene);
  await page.keyboard.type('Bonjour');
  await page.keyboard.press('Enter');
  await page.getByRole('listitem').filter({ hasText: 'Bonjour' }).getByText('Envoyé').waitFor();
  step('a message is sent by Enter');
}
