/**
 * The console in a real browser: how soon it is there, how it keeps up, and what it must never do.
 *
 * Debian's chromium, headless, on the machine of the daemon. First load, chart and screens are those
 * of a real daemon. The fifty links are told by the daemon's own listener from a state that is made up:
 * a real site would need fifty fibres for them.
 *
 * @module
 */

import { needsChromium } from '../test/browser/browser.ts'
import type { Benchmark, Group } from './bench.ts'
import { chartMs } from './console-chart.ts'
import { measureLinks, type LinkFigures } from './console-links.ts'
import { measurePages, type PageFigures } from './console-pages.ts'

export const group: Group = { name: 'console', open: () => Promise.resolve({ list: rows() }) }

function rows(): readonly Benchmark[] {
  const page = figuresOf<PageFigures>(measurePages)
  const links = figuresOf<LinkFigures>(measureLinks)
  const row = (
    name: string,
    claim: string,
    about: Pick<Benchmark, 'unit' | 'bar' | 'run'> & Partial<Benchmark>,
  ): Benchmark => ({ name: `console.${name}`, claim, better: 'less', runs: 1, ...about })
  const none = (name: keyof PageFigures) => ({ unit: '', bar: 0, run: page.next(name) })
  const size = (name: keyof PageFigures, bar: number | null) => {
    return { unit: 'kB', bar, run: page.next(name) }
  }
  const frames = { runs: LINK_RUNS, better: 'more', run: links.first('frames') } as const
  const tasks = { runs: LINK_RUNS, run: links.next('longTaskMs') }
  return [
    row('load', 'first load over loopback', { unit: 'ms', bar: 1000, run: page.first('load') }),
    row('first', 'its size, compressed, before lazy parts', size('firstKb', 250)),
    row('lazy', 'what the first screen loads after that', size('lazyKb', null)),
    row('axe', 'axe violations, light and dark', none('violations')),
    row('screens', 'on so many screens', { unit: '', bar: null, run: page.next('screens') }),
    row('policy', 'refused by the content security policy', none('refused')),
    row('foreign', 'requests that leave the origin', none('foreign')),
    row('chart', 'a chart of 1,000 resources, server time', { unit: 'ms', bar: 200, run: chartMs }),
    row('frames', 'frames, 50 links at 10 Hz', { unit: '/s', bar: 59, ...frames }),
    row('task', 'longest task then; 0: none of 50 ms', { unit: 'ms', bar: 50, ...tasks }),
  ]
}

/** Measures at the first figure; the others of the same run are told after it. */
function figuresOf<T extends object>(measure: () => Promise<T>) {
  const runs: T[] = []
  let told = 0
  return {
    first: (name: keyof T) => async (): Promise<number> => {
      if (needsChromium !== false)
        throw new Error(`The console cannot be measured: ${needsChromium}`)
      const run = await measure()
      runs.push(run)
      return Number(run[name])
    },
    next: (name: keyof T) => (): number => Number(runs[told++ % runs.length][name]),
  }
}

const LINK_RUNS = 3
