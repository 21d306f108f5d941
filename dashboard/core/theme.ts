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

export const theme = new Signal<Theme>(stored());

const apply = (): void => {
  document.documentElement.dataset.theme = theme.value;
};

apply();
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
