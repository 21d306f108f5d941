import { describeFuzzing } from './fuzz/fuzzing.js';

describeFuzzing({ count: 2000, warmUp: 300, budgetMs: 60_000, drains: false });
