// The one browser, and the people in it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { guard } from './guard.mjs';
import { look, sizes } from './look.mjs';
import { at, machine, talk, request, Caller } from './machine.mjs';

const patience = 20_000; // of every click and every expectation: a busy machine is slow, and nobody waits for what comes

/** An error without the colours and the hundred lines of what was tried. */
function brief(e) {
  const text = (e.stack || String(e)).replace(/\x1b\[\d+m/g, '');
  const lines = text.split('\n');
  const [first, last] = [lines.findIndex((l) => l.includes('Call log:')), lines.findIndex((l) => /^\s+at /.test(l))];
  return first < 0 ? text : [...lines.slice(0, first), ...lines.slice(first + 1, first + 4), ...lines.slice(last)].join('\n');
}

export class World {
  static async open() {
    const browser = await chromium.launch({
      executablePath: process.env.SCEAU_CHROMIUM || '/usr/bin/chromium',
      chromiumSandbox: process.getuid() !== 0,
      args: ['--disable-gpu', '--disable-dev-shm-usage', '--force-color-profile=srgb', '--font-render-hinting=none'],
    });
    return Object.assign(new World(), { browser });
  }

  close() { return this.browser.close(); }

  /** Tells a story and returns its faults, none when all went well. */
  async tell({ name, lang, story, seconds }, step) {
    const scene = new Scene(this.browser, lang, step);
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`the story took more than ${seconds} s`)), seconds * 1000); });
    try {
      await Promise.race([story(scene), late]);
    } catch (e) {
      scene.faults.push(brief(e));
    }
    clearTimeout(timer);
    await scene.end(name).catch((e) => scene.faults.push(`ending: ${e.stack}`));
    return scene.faults;
  }
}

/** One story being told: its people, each with a browser context of their own. */
class Scene {
  faults = [];
  people = [];
  machine = machine;
  talk = talk;
  request = request;
  at = at;
  Caller = Caller;

  constructor(browser, lang, step) {
    Object.assign(this, { browser, lang, step });
    // So that a story can take what it needs by name.
    for (const name of Object.getOwnPropertyNames(Scene.prototype)) if (name !== 'constructor') this[name] = this[name].bind(this);
  }

  /** The text in the language of the story. */
  T(fr, en) { return this.lang === 'fr' ? fr : en; }

  /** Somebody at the public face. */
  minor(options = {}) { return this.person({ origins: [at.public, ...(options.exits || [])], size: 'phone', ...options }); }

  /** The minor of a conversation that was opened by the API. */
  async minorOf(caller, options = {}) {
    const page = await this.minor(options);
    await page.context().addCookies([{ name: 'chat', value: caller.token, url: at.public, httpOnly: true, sameSite: 'Strict' }]);
    return page;
  }

  /** The case of the conversation that a minor's page shows. */
  async caseOf(page) {
    const cookies = await page.context().cookies(at.public);
    return machine.caseOf(cookies.find((c) => c.name === 'chat').value);
  }

  /** Somebody at the staff face, not signed in. */
  visitor(options = {}) { return this.person({ origins: [at.staff, at.issuer], size: 'desktop', ...options }); }

  /** A member of staff who has signed in, at the page where that leads. */
  async staff(account, options = {}) {
    const page = await this.visitor(options);
    await this.signIn(page, account, options);
    return page;
  }

  /** Signs in from any page of staff; role is the one to choose, for an account that has several.
   *  With stay it ends where the provider leads back to. */
  async signIn(page, account, { role, to = '/', stay = false } = {}) {
    await page.goto(at.staff + to);
    await page.getByRole('button', { name: this.T('Se connecter', 'Sign in'), exact: true }).click();
    await page.waitForURL((url) => url.origin === at.issuer);
    await page.getByLabel('Compte').fill(account);
    await page.getByLabel('Mot de passe').fill(await machine.password(account));
    await page.getByRole('button', { name: 'Se connecter' }).click();
    await page.waitForURL((url) => url.origin === at.staff);
    if (stay) return; // whatever is asked then
    if (role) await page.locator(`button[name=role][value=${role}]`).click();
    await page.waitForURL((url) => url.origin === at.staff && !url.pathname.startsWith('/sign'));
  }

  async person({ origins, size, js = true, keyboard = false }) {
    const context = await this.browser.newContext({
      locale: this.T('fr-FR', 'en-GB'), timezoneId: 'Europe/Paris', viewport: sizes[size], javaScriptEnabled: js, reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(patience);
    const state = guard(context, { origins, ours: [at.public, at.staff], faults: this.faults });
    await context.tracing.start({ screenshots: false, snapshots: true });
    const page = await context.newPage();
    this.people.push({ context, state, page, js });
    return page;
  }

  /** Photographs and examines a page: see look.mjs. */
  look(page, where) {
    const js = this.people.find((p) => p.context === page.context()).js;
    return look(page, where, { lang: this.lang, js, build: at.build });
  }

  /** Something is down meanwhile, so that what cannot be loaded is no fault. */
  async outage(during) {
    for (const p of this.people) p.state.outage = true;
    try { return await during(); } finally { for (const p of this.people) p.state.outage = false; }
  }

  /** Fails the story. */
  must(is, what) { if (!is) throw new Error(what); }

  /** Waits until something is so. */
  async until(is, what, seconds = 20) {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) {
      if (await is()) return;
    }
    throw new Error(`not so after ${seconds} s: ${what}`);
  }

  /** Closes everybody's windows. Of a story that failed it leaves a trace, the last picture and the page itself. */
  async end(name) {
    const folder = path.join(at.build, 'browser', name.replace(/[^a-z0-9]+/g, '-'));
    const keep = this.faults.length > 0 || process.env.SCEAU_TRACE;
    if (keep) await mkdir(folder, { recursive: true });
    for (const [i, { context, page }] of this.people.entries()) {
      if (keep && !page.isClosed()) {
        await page.screenshot({ path: path.join(folder, `${i}.png`), fullPage: true }).catch(() => {});
        await writeFile(path.join(folder, `${i}.html`), `<!-- ${page.url()} -->\n${await page.content().catch(String)}`);
      }
      await context.tracing.stop(keep ? { path: path.join(folder, `${i}.zip`) } : undefined);
      await context.close();
    }
  }
}
