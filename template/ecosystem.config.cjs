// For pm2, in the folder of the project: `npx pm2 start ecosystem.config.cjs`; `npx pm2 reload
// ecosystem.config.cjs`. pm2 runs one process: the cores are used by threads inside it.
const drainMs = Number(process.env.MULTILANE_DRAIN_MS || process.env.DRAIN_MS || 10_000);
const noticeMs = Number(process.env.MULTILANE_DRAIN_NOTICE_MS || process.env.DRAIN_NOTICE_MS || 0);

module.exports = {
  apps: [
    {
      name: require('./package.json').name,
      // It reads multilane.config.js in `cwd`, which is this folder, wherever pm2 is started.
      script: 'node_modules/multilane/dist/primary.js',
      cwd: __dirname,
      // Cluster mode lets the new process listen beside the old one on a reload; in fork mode requests are
      // refused meanwhile.
      exec_mode: 'cluster',
      instances: 1,
      // `ready` is sent when every worker serves. A first start unpacks and initializes PostgreSQL.
      wait_ready: true,
      listen_timeout: 60_000,
      // Longer than the longest drain, which idle connections make the usual one, and the 3 s that everything else may
      // take, or pm2 kills what is in flight.
      kill_timeout: drainMs + noticeMs + 5_000,
      // The whole process tree would include PostgreSQL, which the process itself stops last, or hands over.
      treekill: false,
      // Bad configuration does not get better by restarting.
      stop_exit_codes: [78],
      exp_backoff_restart_delay: 100,
    },
  ],
};
