// mocha's reporter `spec`, which also writes the files of failed tests to the file that MULTILANE_FAILED_FILES names.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const files = new Set();
    runner.on('fail', (test) => files.add(test.file ?? test.parent?.file));
    runner.once('end', () => writeFileSync(process.env.MULTILANE_FAILED_FILES, JSON.stringify([...files])));
  }
};
