// A moment by two clocks. The monotonic one stops while the machine is suspended, and other processes do not
// wait for that; the wall clock goes on, but it may be set. So a time has passed when either of them says so.
import type { Clock } from '../clock.js';

/** Milliseconds of both clocks. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

/** Before all moments, or as long as nothing is known. */
export const NEVER: Moment = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };

/** Milliseconds of the wall clock of the system. */
export const systemWallClock: Clock = () => Date.now();

/** @param wallClock @default that of the system */
export const momentClock =
  (monotonic: Clock, wallClock: Clock = systemWallClock): (() => Moment) =>
  () => ({ monotonic: monotonic(), wall: wallClock() });

export const laterBy = (ms: number, { monotonic, wall }: Moment): Moment => ({
  monotonic: monotonic + ms,
  wall: wall + ms,
});

/** What has passed when one of the two moments has, by either clock. */
export const earlier = (a: Moment, b: Moment): Moment => ({
  monotonic: Math.min(a.monotonic, b.monotonic),
  wall: Math.min(a.wall, b.wall),
});

/** Whether a moment has passed, by either clock. */
export const hasPassed = (moment: Moment, now: Moment): boolean =>
  now.monotonic >= moment.monotonic || now.wall >= moment.wall;

/** The milliseconds between two moments, by the clock that says more. */
export const longestBetween = (from: Moment, to: Moment): number =>
  Math.max(to.monotonic - from.monotonic, to.wall - from.wall);
