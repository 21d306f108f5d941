// What is wrong with the process now, in words. The rules are pure functions over facts that were gathered
// before, by subject.
import type { Problem, ProblemFacts, Severity } from './problem-facts.js';
import { fleetProblems } from './problem-rules-fleet.js';
import { loadProblems } from './problem-rules-load.js';
import { processProblems } from './problem-rules-process.js';

export const MOST_PROBLEMS = 100;
const ORDER: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };

/** The most important ones first. */
export function problemsOf(facts: ProblemFacts): readonly Problem[] {
  return [...processProblems(facts), ...loadProblems(facts), ...fleetProblems(facts)]
    .sort((a, b) => ORDER[a.severity] - ORDER[b.severity])
    .slice(0, MOST_PROBLEMS);
}
