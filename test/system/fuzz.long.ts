// Outside `npm test`: mocha --timeout 3600000 build/test/system/fuzz.long.js
import { describeFuzzing } from './fuzz/fuzzing.js';

describeFuzzing(100_000, 5000, 1_800_000);
