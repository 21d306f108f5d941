// The theme: that of the system, or the one that the operator has chosen.
import { Signal } from './signal.js';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'multilane-theme';
const isTheme = (text: unknown): text is Theme => text === 'system' || text === 'light' || text === 'dark';

function stored(): Theme {
  try {
    const text = localStorage.getItem(KEY);
    return isTheme(text) ? text : 'system';
  } catch {
    return 'system';
  }
}

/** What the operator has chosen. */
export const theme = new Signal<Theme>(stored());

const system = matchMedia('(prefers-color-scheme: dark)');
const resolved = (): 'light' | 'dark' => {
  if (theme.value === 'system') return system.matches ? 'dark' : 'light';
  return theme.value;
};

/** What is shown: canvases are drawn again when it changes. */
export const shownTheme = new Signal(resolved());

const apply = (): void => {
  const now = resolved();
  document.documentElement.dataset.theme = now;
  shownTheme.value = now;
};

apply();
system.addEventListener('change', apply);
theme.subscribe(() => {
  apply();
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // The choice lives as long as the page.
  }
});

/** The value of a colour of the style sheet, for canvases. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
