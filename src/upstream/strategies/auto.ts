// The default. Instances that report their load have callers in several processes, and Prequal compares what
// they report. For all others the calls of this process are all that is known, and they are known exactly:
// then the power of two choices is as good, and simpler. The endpoints decide in turn which of the two
// picks, so a service of which a part reports, as during an upgrade, goes over with that part.
import type { Random } from '../../resilience/policy.js';
import type { PickerFactory, ReportedLoad } from '../picker.js';
import { p2cPicker } from './power-of-two-choices.js';
import { prequalPicker } from './prequal.js';

export function autoPicker(load: ReportedLoad, random: Random): PickerFactory {
  const [byOwnCalls, byReports] = [p2cPicker(load, random), prequalPicker(load, random)];
  return () => {
    const [p2c, prequal] = [byOwnCalls(), byReports()];
    let turn = 0;
    return {
      pickOfKey: (circle, key, admits) => p2c.pickOfKey(circle, key, admits),
      pick(candidates) {
        const { endpoints } = candidates;
        if (endpoints.length === 1) return endpoints[0]!;
        turn = turn + 1 < endpoints.length ? turn + 1 : 0;
        return (load.hasReported(endpoints[turn]!.slot) ? prequal : p2c).pick(candidates);
      },
    };
  };
}
