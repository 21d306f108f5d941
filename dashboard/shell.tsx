// The frame around every page: the navigation, the state of the connection, the theme, and what is wrong.
import { useEffect, useRef, useState } from 'preact/hooks';
import { feed } from './core/feed.js';
import { counted, plain, seconds } from './core/format.js';
import { hrefOf, place } from './core/place.js';
import { session, signOut } from './core/session.js';
import { useSignal } from './core/signal.js';
import { type Theme, theme } from './core/theme.js';
import type { Overview } from './core/types.js';
import { useLive } from './core/use-live.js';
import { PAGES, type PageEntry } from './pages.js';
import { QuestionDialog, ReportLine } from './parts/dialogs.js';
import { Empty } from './parts/states.js';
import { TokenForm } from './parts/token-form.js';
import { Heading, Link } from './parts/ui.js';

export function Shell() {
  const here = useSignal(place);
  const { isRefused } = useSignal(session);
  const entry = PAGES.find(({ id }) => id === here.page);
  const main = useRef<HTMLElement>(null);
  useFocusOnPage(here.page, entry?.title ?? 'Not found', main);
  // The parameters of a page that shows one thing are its identity.
  const key = entry?.below === undefined ? here.page : `${here.page} ${JSON.stringify(here.query)}`;
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <Top />
      <div class="frame-body">
        <Navigation here={entry} />
        <main ref={main} tabIndex={-1} id="main">
          <Interrupted />
          {isRefused ? <TokenForm /> : <Shown key={key} entry={entry} />}
        </main>
      </div>
      <ReportLine />
      <QuestionDialog />
    </>
  );
}

const Shown = ({ entry }: { entry: PageEntry | undefined }) =>
  entry === undefined ? (
    <>
      <Heading title="Not found" />
      <Empty title="The dashboard has no such page">
        <Link page="overview">Go to the overview</Link>
      </Empty>
    </>
  ) : (
    <entry.show />
  );

/** Moves the focus to the heading of a new page, so that readers of the screen hear it. */
function useFocusOnPage(page: string, title: string, main: { current: HTMLElement | null }): void {
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} · Multilane`;
    if (!isFirst.current) {
      main.current?.querySelector<HTMLElement>('#page-title')?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [page]);
}

function Top() {
  const { token, isRefused } = useSignal(session);
  const overview = useLive<Overview>('overview').data;
  const problems = isRefused ? [] : (overview?.problems ?? []);
  const worst = problems.some(({ severity }) => severity === 'critical') ? 'bad' : 'warn';
  return (
    <header class="top">
      <a class="brand" href={hrefOf('overview')}>
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <rect width="32" height="32" rx="7" />
          <path d="M8.5 9.75h15M8.5 16h9M8.5 22.25h12" />
        </svg>
        <b>{overview === undefined ? 'Multilane' : plain(overview.process.service)}</b>
      </a>
      {problems.length === 0 ? null : (
        <a class={`badge tone-${worst}`} href={hrefOf('overview')}>
          {counted(problems.length, 'problem')}
        </a>
      )}
      <span class="grow" />
      <Connection />
      <ThemeChoice />
      {token === null || isRefused ? null : (
        <button type="button" class="plain" onClick={() => signOut()}>
          Sign out
        </button>
      )}
    </header>
  );
}

function Connection() {
  const state = useSignal(feed.state);
  const { isRefused } = useSignal(session);
  const [tone, text] = isRefused
    ? (['warn', 'locked'] as const)
    : state.kind === 'live'
      ? (['good', 'live'] as const)
      : state.kind === 'connecting'
        ? (['info', 'connecting'] as const)
        : (['bad', 'disconnected'] as const);
  return (
    <span class={`connection tone-${tone}`} role="status">
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function Interrupted() {
  const state = useSignal(feed.state);
  const { isRefused } = useSignal(session);
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (state.kind !== 'interrupted') return undefined;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [state.kind]);
  if (state.kind !== 'interrupted' || isRefused) return null;
  const waitS = Math.max(0, Math.ceil((state.retryAt - now) / 1000));
  return (
    <div class="interrupted" role="alert">
      <p>
        <b>Disconnected</b> for {seconds(Math.max(0, Math.floor((now - state.since) / 1000)))}.{' '}
        {plain(state.reason)} Figures are not current.
      </p>
      <p aria-live="off">{waitS === 0 ? 'Connecting.' : `Next attempt in ${waitS} s.`}</p>
      <button type="button" onClick={() => feed.retry()}>
        Connect now
      </button>
    </div>
  );
}

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

function ThemeChoice() {
  const chosen = useSignal(theme);
  return (
    <label class="theme">
      <span class="unseen">Theme</span>
      <select
        value={chosen}
        onChange={(event) => {
          theme.value = event.currentTarget.value as Theme;
        }}
      >
        {THEMES.map((one) => (
          <option key={one} value={one} selected={one === chosen}>
            {one === 'system' ? 'auto' : one}
          </option>
        ))}
      </select>
    </label>
  );
}

function Navigation({ here }: { here: PageEntry | undefined }) {
  const current = here?.below ?? here?.id;
  const groups = [...new Set(PAGES.map(({ group }) => group))];
  return (
    <nav class="side" aria-label="Pages">
      {groups.map((group) => (
        <div class="side-group" key={group}>
          <p aria-hidden="true">{group}</p>
          <ul aria-label={group}>
            {PAGES.filter((page) => page.group === group && page.below === undefined).map(({ id, title }) => (
              <li key={id}>
                <a href={hrefOf(id)} aria-current={id === current ? 'page' : undefined}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
