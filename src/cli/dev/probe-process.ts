// Entry of the process of probe.ts.
const { runProbe } = await import('#bundle/cli/dev/probe.js');
runProbe();
