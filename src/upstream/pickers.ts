// The strategies by name.
import type { Random } from '../resilience/policy.js';
import type { PickerName } from '../upstream-options.js';
import type { PickerFactory, ReportedLoad, Turns } from './picker.js';
import { autoPicker } from './strategies/auto.js';
import { p2cPicker } from './strategies/power-of-two-choices.js';
import { prequalPicker } from './strategies/prequal.js';
import { roundRobinPicker } from './strategies/round-robin.js';

export type Pickers = Readonly<Record<PickerName, PickerFactory>>;

export const pickersOf = (load: ReportedLoad & Turns, random: Random): Pickers => ({
  auto: autoPicker(load, random),
  p2c: p2cPicker(load, random),
  prequal: prequalPicker(load, random),
  'round-robin': roundRobinPicker(load, random),
});
