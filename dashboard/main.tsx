// The entry of the dashboard, which scripts/dashboard.mjs bundles.
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { render } from 'preact';
import { Shell } from './shell.js';

const place = document.querySelector('#app')!;
place.textContent = '';
render(<Shell />, place);
