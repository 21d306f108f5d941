// Labels that may be empty: an alert about such a series says nothing of what the label would name.

import { expect } from 'chai';
import { requirePromtool } from '../telemetry/exposition.js';
import { labelled, testRules } from './rule-test.js';

const alertOf = (instance: string, route: string, summary: string, reason: string) => ({
  exp_labels: { severity: 'warning', job: 'a', instance, ...(route !== '' && { route }) },
  exp_annotations: {
    summary: `${summary} workers of ${instance}`,
    description: `The event loop of a worker of ${instance} was blocked for STALL_MS or more. ${reason}`,
    runbook_url: 'docs/operations.md#multilanehandlerstalls',
  },
});

describe('the alert about stalls', () => {
  it('names the handler that was interrupted, and none where none was', function () {
    requirePromtool(this, this.test as Mocha.Test);
    const series = ['/report', ''].map((route, at) => ({
      series: labelled(`multilane_handler_stalls_total{route="${route}"}`, 'a', `i${at}`),
      values: '0 0 1x20',
    }));
    const alerts = {
      alertname: 'MultilaneHandlerStalls',
      eval_time: '5m',
      exp_alerts: [
        alertOf('i0', '/report', '/report stalls', 'The handler of /report was interrupted.'),
        alertOf('i1', '', 'stalls of', 'No handler was interrupted.'),
      ],
    };
    expect(testRules('1m', series, [], [alerts])).to.equal('');
  });
});
