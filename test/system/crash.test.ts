// The short form of crash.long.ts.
import { describeCrashes } from './crashes.js';

describeCrashes(3);
