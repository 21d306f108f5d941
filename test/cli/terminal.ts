// Loaded into a command in front of it: its standard output is a small terminal, and a smaller one from
// SIGUSR2 on.
Object.assign(process.stdout, { isTTY: true, columns: 60, rows: 8 });
process.on('SIGUSR2', () => {
  Object.assign(process.stdout, { columns: 25, rows: 6 });
  process.stdout.emit('resize');
});
