// Small parts that several pages show.
import type { ComponentChildren } from 'preact';
import { percent, plain } from '../core/format.js';
import { hrefOf } from '../core/place.js';

export function Heading({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <header class="heading">
      <h1 id="page-title" tabIndex={-1}>
        {plain(title)}
      </h1>
      {children === undefined ? null : <div class="heading-actions">{children}</div>}
    </header>
  );
}

interface SectionProps {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

export const Section = ({ title, note, actions, children }: SectionProps) => (
  <section class="section">
    <div class="section-head">
      <h2>{title}</h2>
      {note === undefined ? null : <p class="quiet">{note}</p>}
      {actions === undefined ? null : <div class="section-actions">{actions}</div>}
    </div>
    {children}
  </section>
);

interface FigureProps {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
  readonly tone?: Tone;
}

export const Figure = ({ label, value, note, tone = 'none' }: FigureProps) => (
  <div class={`figure tone-${tone}`}>
    <dt>{label}</dt>
    <dd>
      <span class="figure-value">{value}</span>
      {note === undefined ? null : <span class="quiet">{note}</span>}
    </dd>
  </div>
);

export type Tone = 'none' | 'good' | 'warn' | 'bad' | 'info';

const TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  serving: 'good',
  ready: 'good',
  running: 'info',
  completed: 'good',
  closed: 'good',
  ok: 'good',
  on: 'good',
  starting: 'info',
  waiting: 'info',
  draining: 'info',
  compensating: 'warn',
  compensated: 'warn',
  'half-open': 'warn',
  unhealthy: 'bad',
  ejected: 'bad',
  stalled: 'bad',
  wedged: 'bad',
  dead: 'bad',
  open: 'bad',
  failed: 'bad',
  unknown: 'warn',
  'needs-attention': 'bad',
  error: 'bad',
  off: 'warn',
  critical: 'bad',
  warning: 'warn',
  info: 'info',
};

export const toneOf = (state: string): Tone =>
  Object.hasOwn(TONES, state) ? (TONES[state] ?? 'none') : 'none';

export const Badge = ({ state, tone }: { state: string; tone?: Tone }) => (
  <span class={`badge tone-${tone ?? toneOf(state)}`}>{plain(state)}</span>
);

interface MeterProps {
  readonly ratio: number | null;
  /** What the bar measures, for readers of the screen. */
  readonly label: string;
  /** @default the ratio as a percentage */
  readonly text?: string;
  /** True: a full bar is no fault. @default false */
  readonly isHarmless?: boolean;
}

/** A bar from 0 to 1. */
export function Meter({ ratio, label, text, isHarmless = false }: MeterProps) {
  const share = Math.min(1, Math.max(0, ratio ?? 0));
  const tone = toneOfShare(isHarmless ? 0 : share);
  return (
    <span class={`meter tone-${tone}`} title={`${plain(label)}: ${text ?? percent(ratio)}`}>
      <span class="meter-track" aria-hidden="true">
        <span class="meter-fill" style={{ width: `${share * 100}%` }} />
      </span>
      <span class="meter-text">{text ?? percent(ratio)}</span>
    </span>
  );
}

const toneOfShare = (share: number): Tone => (share >= 0.9 ? 'bad' : share >= 0.7 ? 'warn' : 'good');

export interface LinkProps {
  readonly page: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly children: ComponentChildren;
}

export const Link = ({ page, query, children }: LinkProps) => <a href={hrefOf(page, query)}>{children}</a>;

interface SearchProps {
  readonly label: string;
  readonly value: string;
  readonly change: (text: string) => void;
  readonly placeholder?: string;
}

export const Search = ({ label, value, change, placeholder = '' }: SearchProps) => (
  <label class="field">
    <span>{label}</span>
    <input
      type="search"
      value={value}
      placeholder={placeholder}
      autoComplete="off"
      spellcheck={false}
      onInput={(event) => change(event.currentTarget.value)}
    />
  </label>
);

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  readonly change: (value: string) => void;
}

export const Choice = ({ label, value, options, change }: ChoiceProps) => (
  <label class="field">
    <span>{label}</span>
    <select value={value} onChange={(event) => change(event.currentTarget.value)}>
      {options.map(([one, text]) => (
        <option key={one} value={one} selected={one === value}>
          {text}
        </option>
      ))}
    </select>
  </label>
);

/** Method and template of a route. */
export const RouteName = ({ method, route }: { method: string; route: string }) => (
  <span class="route">
    <span class="method">{plain(method)}</span>{' '}
    <span class="mono">{route === '' ? 'no route' : plain(route)}</span>
  </span>
);
