// Looks at a page in one state as different people see it: large and small, by day and by night, at twice the size,
// and through the eyes of axe. Every look is a photograph in build/screenshots.
import { mkdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { nothingKept } from './guard.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'];

export const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

/**
 * @param page  in the state to be looked at; a page without JavaScript is photographed only
 * @param where "public/first-page": the folder, and the name of the state
 */
export async function look(page, where, { lang, js = true, build }) {
  const [face, name] = where.split('/');
  // In the other language words differ, colours and structure do not: the pages of minors are examined twice all the same.
  const thorough = js && (lang === 'fr' || face === 'public');
  const folder = path.join(build, 'screenshots', face);
  await mkdir(folder, { recursive: true });
  const before = page.viewportSize();
  await page.evaluate(() => scrollTo(0, 0)); // what sticks to an edge hides something at every other place
  const faults = [];
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    for (const scheme of lang === 'fr' ? ['light', 'dark'] : ['light']) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: path.join(folder, `${name}-${size}-${scheme}-${lang}.png`), fullPage: true, animations: 'disabled', caret: 'hide' });
      if (thorough && size === 'desktop') faults.push(...await violations(page, scheme === 'dark').then((all) => all.map((v) => `${scheme}: ${v}`)));
    }
  }
  if (js) {
    if (thorough) faults.push(...await violations(page, true, ['target-size', 'color-contrast']).then((all) => all.map((v) => `phone: ${v}`)));
    // 320 px is the reflow of WCAG 1.4.10; a desktop at 200 % has 640.
    for (const width of [320, 640]) {
      await page.setViewportSize({ width, height: 640 });
      const wide = await overflowing(page, width);
      if (wide) faults.push(`at ${width} px something is wider than the window: ${wide}`);
    }
    await nothingKept(page);
    const lost = await losing(page);
    if (lost) faults.push(`it is renewed every few seconds and loses the focus, for want of an id: ${lost}`);
    const words = await spoilt(page);
    if (words) faults.push(`words that run together, or a template's: ${words}`);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize(before);
  if (faults.length) throw new Error(`${where} (${page.url()}):\n  ${faults.join('\n  ')}`);
}

/** What axe finds. In a second colour scheme only colours can differ. */
async function violations(page, coloursOnly, rules = ['color-contrast']) {
  await page.evaluate(`if (!window.axe) { ${axe} }`);
  return page.evaluate(async ({ tags, rules, coloursOnly }) => {
    const run = coloursOnly ? { type: 'rule', values: rules } : { type: 'tag', values: tags };
    const found = await window.axe.run(document, { runOnly: run, resultTypes: ['violations'] });
    // What an edge or a bar cuts in two at this place of the scroll is whole at another.
    const cut = (n) => [...n.any, ...n.all, ...n.none].some((c) => /partially obscured/.test(c.message));
    for (const v of found.violations) if (v.id === 'target-size') v.nodes = v.nodes.filter((n) => !cut(n));
    return found.violations.filter((v) => v.nodes.length).map((v) => `${v.id} (${v.help}): ${v.nodes.slice(0, 4).map((n) => `${n.html.slice(0, 160)} ${(n.any[0] || n.all[0] || n.none[0] || {}).message || ''}`).join(' | ')}`);
  }, { tags, rules, coloursOnly });
}

/** The first element that sticks out of a window of this width, unless what holds it scrolls by itself. */
function overflowing(page, width) {
  return page.evaluate((width) => {
    if (document.documentElement.scrollWidth <= width) return '';
    for (const e of document.querySelectorAll('body *')) {
      if (e.getBoundingClientRect().right > width + 1) return `${e.outerHTML.slice(0, 160)} to ${Math.round(e.getBoundingClientRect().right)} px`;
    }
    return `the page itself, ${document.documentElement.scrollWidth} px`;
  }, width);
}

/** What can have the focus in a part that is renewed by itself, and cannot be found again there. */
function losing(page) {
  return page.evaluate(() => {
    for (const asks of document.querySelectorAll('[hx-trigger*="every"]')) {
      const part = asks.hasAttribute('hx-target') ? document.querySelector(asks.getAttribute('hx-target')) : asks;
      const found = part && part.querySelector(':is(a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]):not([id])');
      if (found) return found.outerHTML.slice(0, 160);
    }
    return '';
  });
}

/** Text that a template spoilt: a word glued to the next, or a call that was not one. */
function spoilt(page) {
  return page.evaluate(() => {
    const word = /[\p{L}\p{N}]$/u;
    const begins = /^[\p{L}\p{N}]/u;
    const inline = (n) => n.nodeType === Node.ELEMENT_NODE && getComputedStyle(n).display === 'inline' && n.getClientRects().length && !['SUP', 'SUB', 'BR', 'WBR'].includes(n.tagName);
    for (let walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), text; (text = walk.nextNode());) {
      if (text.parentElement.closest('script, style, [hidden], .messages')) continue;
      const call = text.data.match(/@[a-z.]+\(|%!|\{ /i);
      if (call) return text.data.trim().slice(0, 80);
      const flex = /flex|grid/.test(getComputedStyle(text.parentElement).display);
      for (const [mine, next, side] of [[word.test(text.data), text.nextSibling, begins], [begins.test(text.data), text.previousSibling, word]]) {
        if (mine && next && inline(next) && !flex && side.test(next.textContent)) return `${text.data.trim().slice(-40)} beside ${next.textContent.trim().slice(0, 40)}`;
      }
    }
    return '';
  });
}
