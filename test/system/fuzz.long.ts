// Outside `npm test`: mocha --timeout 3600000 build/test/system/fuzz.long.js
import { describeFuzzing } from './fuzz/fuzzing.js';

describeFuzzing({ count: 100_000, warmUp: 5000, budgetMs: 1_800_000, drains: true });
