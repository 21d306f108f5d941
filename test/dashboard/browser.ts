// Chromium for tests of the dashboard. One browser serves all tests of a file; each test gets its own page
// and an admin plane of its own.
import { existsSync } from 'node:fs';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { markPending } from '#test/support/pending.js';
import { FakePlane, type FakePlaneOptions } from './fake-plane.js';

export const CHROMIUM = '/usr/bin/chromium';
export const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** A limit for what a page must do; a busy machine may need a part of it. */
const WAIT_MS = 20_000;

export interface OpenedPage {
  readonly page: Page;
  /** Errors of the page: exceptions, refused resources and messages of the policy for content. */
  readonly errors: string[];
}

export interface Opened extends OpenedPage {
  readonly plane: FakePlane;
}

export interface OpenOptions extends FakePlaneOptions {
  readonly place?: string;
  readonly context?: BrowserContextOptions;
  readonly prepare?: (plane: FakePlane) => void;
}

type OpenAt = (address: string, options?: BrowserContextOptions) => Promise<OpenedPage>;

/** Starts the browser before the tests of a suite. @returns opens an address in a context of its own */
export function useBrowser(): OpenAt {
  let browser: Browser | undefined;
  const open: BrowserContext[] = [];

  before(async function () {
    if (!existsSync(CHROMIUM)) return markPending(this, `there is no ${CHROMIUM}`);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  afterEach(async () => {
    for (const context of open.splice(0)) await context.close();
  });
  after(async () => {
    await browser?.close();
  });

  return async (address, options = {}) => {
    const context = await browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    open.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(address);
    return { page, errors };
  };
}

/** The same with an admin plane of its own for each page. @returns opens the dashboard at a place */
export function useChromium(): (options?: OpenOptions) => Promise<Opened> {
  const openAt = useBrowser();
  const planes: FakePlane[] = [];

  afterEach(async () => {
    for (const plane of planes.splice(0)) await plane.close();
  });

  return async ({ place = '#/overview', context = {}, prepare, token }: OpenOptions = {}) => {
    const plane = new FakePlane(token === undefined ? {} : { token });
    planes.push(plane);
    prepare?.(plane);
    await plane.listen();
    return { plane, ...(await openAt(`${plane.url}${place}`, context)) };
  };
}
