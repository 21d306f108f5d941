// Every page of the dashboard, with its heading.
import type { Page } from 'playwright-core';
import { saga } from './plane-rows.js';

export const PLACES: readonly (readonly [place: string, heading: string])[] = [
  ['#/overview', 'Overview'],
  ['#/routes', 'Routes'],
  ['#/route?method=GET&route=/api/users/{id}', 'GET /api/users/{id}'],
  ['#/traces', 'Traces'],
  [`#/trace?id=${'b'.repeat(32)}`, 'Trace'],
  ['#/sagas', 'Sagas'],
  [`#/saga?id=${saga(0).sagaId}`, 'checkout'],
  ['#/workers', 'Workers'],
  ['#/worker?id=1', 'Worker 1'],
  ['#/cpu', 'CPU'],
  ['#/limits', 'Limits'],
  ['#/services', 'Services'],
  ['#/service?name=orders', 'orders'],
  ['#/calls', 'Calls'],
  ['#/breakers', 'Breakers'],
  ['#/switches', 'Switches'],
  ['#/settings', 'Settings'],
];

/** Goes to a page without loading the dashboard again, and waits until it shows data or why there is none. */
export async function visit(page: Page, place: string): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, place);
  await page.waitForFunction((hash) => {
    const isThere = location.hash === hash && document.querySelector('main h1') !== null;
    return isThere && document.querySelector('.loading') === null;
  }, new URL(place, 'http://localhost').hash);
}
