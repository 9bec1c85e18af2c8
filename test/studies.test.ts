/**
 * Studies as a reader gets them: the list, a run with its files, and plots that are well-formed.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { axisTicks, placeOn, superscript } from '../study/axis.ts'
import { drawPlot, type Plot } from '../study/plot.ts'
import { runStudies, studies } from '../study/run.ts'

const plot: Plot = {
  title: 'Rate < limit & loss',
  x: { label: 'km' },
  y: { label: 'b/s', log: true },
  series: [
    {
      name: 'line',
      style: 'line',
      points: [
        [0, 1000],
        [5, 0],
        [10, 10],
      ],
    },
    { name: 'points', style: 'points', points: [[10, 10]], labels: ['a > b'] },
  ],
}

test('a plot is one well-formed document and says every word of the plot', () => {
  const svg = drawPlot(plot)
  assert(wellFormed(svg))
  for (const words of ['Rate &lt; limit &amp; loss', 'a &gt; b', '>km<', '>b/s<', '>10³<']) {
    assert(svg.includes(words), words)
  }
  // A point that a logarithm cannot show breaks the line instead of drawing NaN.
  assert(!svg.includes('NaN') && !svg.includes('Infinity'))
  assert.equal(svg.match(/M\d/g)?.length, 2)
})

test('an axis holds all its values and has ticks where a reader expects them', () => {
  const linear = placeOn({ label: '' }, [3, 97])
  assert.deepEqual([linear.min, linear.max], [0, 100])
  assert.deepEqual(
    axisTicks({ label: '' }, linear).map(({ label }) => label),
    ['0', '20', '40', '60', '80', '100'],
  )
  const log = { label: '', log: true }
  const range = placeOn(log, [2e-3, 0, 500])
  assert.deepEqual([range.min, range.max], [1e-3, 1000])
  assert(Math.abs(range.share(1) - 0.5) < 1e-12)
  assert.equal(axisTicks(log, range)[0].label, '10⁻³')
  assert.equal(superscript(-12), '⁻¹²')
  assert.throws(() => placeOn(log, [0, -1]), RangeError)
})

test('the list names every study, and an unknown one is refused', async () => {
  const printed: string[] = []
  const said: string[] = []
  const options = {
    json: false,
    out: '/nowhere',
    say: (text: string) => void said.push(text),
    print: (text: string) => void printed.push(text),
  }
  assert.equal(await runStudies([], options), true)
  for (const name of Object.keys(studies)) assert(printed[0].includes(name))
  assert.equal(await runStudies(['distance', 'nowhere'], options), false)
  assert.match(said[0], /No such study: nowhere/)
  assert.equal(printed.length, 1)
})

test('a study prints its figures and writes its plots', async () => {
  const out = mkdtempSync(join(tmpdir(), 'photonward-study-'))
  try {
    const printed: string[] = []
    const print = (text: string): void => void printed.push(text)
    assert.equal(
      await runStudies(['distance'], { json: true, out, say: () => undefined, print }),
      true,
    )
    const [report] = JSON.parse(printed[0]) as {
      comparisons: { what: string; ours: number; published: number | null }[]
      plots: string[]
    }[]
    assert.deepEqual(
      report.plots.map((file) => file.slice(out.length + 1)).toSorted(),
      readdirSync(out).toSorted(),
    )
    for (const file of report.plots) assert(wellFormed(readFileSync(file, 'utf8')))
    const gys = report.comparisons.filter(({ what }) => what.startsWith('GYS'))
    assert.equal(gys.length, 3)
    for (const { ours, published } of gys) assert(Math.abs(ours / published! - 1) < 1e-3)
  } finally {
    rmSync(out, { recursive: true })
  }
})

test('every study by expectation gives numbers only, and no plot without a line', async () => {
  const names = ['systems', 'metro', 'coexistence', 'air', 'three-state', 'protocols']
  for (const name of names) {
    const { study } = await studies[name].load()
    const { comparisons, plots, remarks } = study.run()
    assert(comparisons.length > 0 && plots.length > 0 && remarks.length > 0, name)
    for (const { what, ours, published } of comparisons) {
      assert(Number.isFinite(ours) && ours >= 0, what)
      // Within a factor of three of whatever was published: else the model is of something else.
      if (published !== null) assert(ours > published / 3 && ours < published * 3, what)
    }
    for (const drawn of plots) {
      assert(wellFormed(drawPlot(drawn)), drawn.name)
      assert(
        drawn.series.some(({ points }) => points.length > 5),
        drawn.name,
      )
    }
  }
})

/** Every tag closed in order: enough for the tags that plots use. */
function wellFormed(svg: string): boolean {
  const open: string[] = []
  for (const [, close, name, selfClosed] of svg.matchAll(/<(\/?)([a-zA-Z]+)[^>]*?(\/?)>/g)) {
    if (close === '/') {
      if (open.pop() !== name) return false
    } else if (selfClosed === '') open.push(name)
  }
  return open.length === 0 && svg.startsWith('<svg ')
}
