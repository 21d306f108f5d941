// The place in the dashboard: the page and its parameters, in the fragment of the address, such as
// `#/saga?id=…`. So every view has an address, and back and forward work.
import { Signal } from './signal.js';

export interface Place {
  readonly page: string;
  readonly query: Readonly<Record<string, string>>;
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return { page: path === '' ? 'overview' : path, query: Object.fromEntries(new URLSearchParams(query)) };
}

export function hrefOf(page: string, query: Readonly<Record<string, string | number>> = {}): string {
  const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return text.size === 0 ? `#/${page}` : `#/${page}?${text.toString()}`;
}

export const place = new Signal<Place>(placeOf(location.hash));

addEventListener('hashchange', () => {
  place.value = placeOf(location.hash);
});

/** Changes parameters of the current page without a new entry in the history of the browser. */
export function refine(changes: Readonly<Record<string, string>>): void {
  const { page, query } = place.value;
  const kept = Object.entries({ ...query, ...changes }).filter(([, value]) => value !== '');
  history.replaceState(null, '', hrefOf(page, Object.fromEntries(kept)));
  place.value = placeOf(location.hash);
}

/** Texts come from other processes, so only places of the dashboard become links. */
export const isPlace = (text: unknown): text is string => typeof text === 'string' && /^#\/[a-z]/.test(text);

/** An address of the data plane; undefined for what is no http address. */
export function webAddress(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const { protocol, href } = new URL(text);
    return protocol === 'http:' || protocol === 'https:' ? href : undefined;
  } catch {
    return undefined;
  }
}
