// A CPU profile as a flame graph, and its hottest functions as a table. A frame opens with a click or Enter;
// the arrow keys go from frame to frame.
import { useMemo, useRef, useState } from 'preact/hooks';
import { ms, percent, plain } from '../core/format.js';
import { Empty } from '../parts/states.js';
import { Table } from '../parts/table.js';
import { Section } from '../parts/ui.js';
import { type Box, boxesOf, type CpuProfile, type Frame, hottest, treeOf } from './profile.js';

const ROW_PX = 20;

export function Flame({ profile }: { profile: CpuProfile }) {
  const { root, idleUs } = useMemo(() => treeOf(profile), [profile]);
  const hot = useMemo(() => hottest(root, 20), [root]);
  const [top, setTop] = useState<Frame | null>(null);
  if (root.totalUs === 0) return <Empty title="The worker was idle">It ran no JavaScript meanwhile.</Empty>;
  const shown = top !== null && contains(root, top) ? top : root;
  return (
    <>
      <Section
        title="Flame graph"
        note={`${ms(root.totalUs / 1000)} of JavaScript, ${ms(idleUs / 1000)} without any`}
        actions={
          shown === root ? undefined : (
            <button type="button" onClick={() => setTop(null)}>
              Show everything
            </button>
          )
        }
      >
        <Boxes boxes={boxesOf(shown)} whole={root.totalUs} open={setTop} />
      </Section>
      <Section title="Hottest functions" note="Time in the function itself">
        <Table
          label="Hottest functions"
          rows={hot}
          keyOf={({ name, place }) => `${name} ${place}`}
          columns={[
            { key: 'name', title: 'Function', cell: ({ name }) => <span class="mono">{plain(name)}</span> },
            { key: 'self', title: 'Self', isNumber: true, cell: ({ selfUs }) => ms(selfUs / 1000) },
            {
              key: 'share',
              title: 'Share',
              isNumber: true,
              cell: ({ selfUs }) => percent(selfUs / root.totalUs),
            },
            {
              key: 'place',
              title: 'Where',
              cell: ({ place }) => <span class="mono quiet">{plain(place === '' ? 'native' : place)}</span>,
            },
          ]}
        />
      </Section>
    </>
  );
}

const contains = (tree: Frame, wanted: Frame): boolean =>
  tree === wanted || tree.children.some((child) => contains(child, wanted));

interface BoxesProps {
  readonly boxes: readonly Box[];
  readonly whole: number;
  readonly open: (frame: Frame) => void;
}

/** The name of the frame decides its colour, so that a function looks the same wherever it is called. */
function hueOf(name: string): number {
  let hash = 0;
  for (let index = 0; index < name.length; index++) hash = (hash * 31 + name.charCodeAt(index)) | 0;
  return Math.abs(hash) % 6;
}

function Boxes({ boxes, whole, open }: BoxesProps) {
  const place = useRef<HTMLDivElement>(null);
  const depth = Math.max(...boxes.map((box) => box.depth)) + 1;
  const move = (event: KeyboardEvent): void => {
    const buttons = [...place.current!.querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const next = at < 0 ? undefined : neighbour(boxes, at, event.key);
    if (next === undefined) return;
    event.preventDefault();
    buttons[next]?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys move the focus between the buttons inside
    <div class="flame" ref={place} style={{ height: `${depth * ROW_PX}px` }} onKeyDown={move}>
      {boxes.map((box, index) => {
        const { frame } = box;
        const text = `${plain(frame.name)}, ${ms(frame.totalUs / 1000)}, ${percent(frame.totalUs / whole)}`;
        return (
          <button
            type="button"
            key={index}
            tabIndex={index === 0 ? 0 : -1}
            class={`frame hue-${hueOf(frame.name)}`}
            style={{
              left: `${box.left * 100}%`,
              width: `${box.width * 100}%`,
              top: `${box.depth * ROW_PX}px`,
            }}
            title={frame.place === '' ? text : `${text}\n${plain(frame.place)}`}
            aria-label={text}
            onClick={() => open(frame)}
          >
            {box.width > 0.02 ? plain(frame.name) : ''}
          </button>
        );
      })}
    </div>
  );
}

/** The index of the frame beside, above or below another; undefined for other keys and at the edges. */
export function neighbour(boxes: readonly Box[], at: number, key: string): number | undefined {
  const { depth, left, width } = boxes[at]!;
  const find = (fits: (box: Box) => boolean, last = false): number | undefined => {
    const found = last ? boxes.findLastIndex(fits) : boxes.findIndex(fits);
    return found < 0 ? undefined : found;
  };
  switch (key) {
    case 'ArrowDown':
      return find((box) => box.depth === depth + 1 && box.left >= left - 1e-9 && box.left < left + width);
    case 'ArrowUp':
      return find(
        (box) => box.depth === depth - 1 && box.left <= left + 1e-9 && box.left + box.width > left + 1e-9,
      );
    case 'ArrowRight':
      return find((box) => box.depth === depth && box.left > left + 1e-9);
    case 'ArrowLeft':
      return find((box) => box.depth === depth && box.left < left - 1e-9, true);
    default:
      return undefined;
  }
}
