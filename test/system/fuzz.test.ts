import { describeFuzzing } from './fuzz/fuzzing.js';

describeFuzzing(2000, 300, 60_000);
