/**
 * What a site says of its links each second, and the last minutes of it.
 *
 * One stream of events for the whole page. The browser dials again by itself; what is older than a
 * few seconds is called stale, and a session that has ended leads to the login.
 *
 * @module
 */

import { useSyncExternalStore } from 'react'
import type { LinkView } from '#contract'
import { ask } from './api.ts'
import { paths } from './paths.ts'

/** One second of one link. */
export interface Sample {
  readonly at: number
  readonly qber: number | null
  readonly sifted: number
  readonly secret: number
}

export interface Live {
  readonly links: readonly LinkView[]
  readonly series: ReadonlyMap<string, readonly Sample[]>
  /** When the last news came; 0 before the first. */
  readonly heardAt: number
  /** Whether the stream stands. */
  readonly isOpen: boolean
}

let live: Live = { links: [], series: new Map(), heardAt: 0, isOpen: false }
const listeners = new Set<() => void>()
/** Curves, which draw every sample. */
const curves = new Set<() => void>()
let source: EventSource | undefined
let toldAt = 0
let waiting: ReturnType<typeof setTimeout> | undefined

function tell(next: Live): void {
  live = next
  for (const draw of curves) draw()
  // Nobody reads figures that change faster, and to lay them out takes longer than to draw.
  const due = toldAt + FIGURES_MS - Date.now()
  if (due <= 0) tellFigures()
  else waiting ??= setTimeout(tellFigures, due)
}

function tellFigures(): void {
  clearTimeout(waiting)
  waiting = undefined
  toldAt = Date.now()
  for (const listener of listeners) listener()
}

function hear(links: readonly LinkView[]): void {
  const at = Date.now()
  const series = new Map<string, readonly Sample[]>()
  for (const { link, qber, siftedBitsPerSecond, secretBitsPerSecond } of links) {
    const before = live.series.get(link) ?? []
    const sample = { at, qber, sifted: siftedBitsPerSecond, secret: secretBitsPerSecond }
    series.set(link, [...before.slice(1 - SAMPLES_MAX), sample])
  }
  tell({ links, series, heardAt: at, isOpen: true })
}

function open(): void {
  source = new EventSource(`/api${paths.watchLinks[1]}`)
  source.onmessage = ({ data }) => hear(JSON.parse(String(data)) as LinkView[])
  source.onerror = () => {
    tell({ ...live, isOpen: false })
    // A refusal ends the stream for good: whether it was the session, the next question tells.
    if (source?.readyState !== EventSource.CLOSED) return
    source = undefined
    setTimeout(() => {
      if (listeners.size > 0) void ask('status', {}, null).then(open, reopenLater)
    }, REOPEN_MS)
  }
}

function reopenLater(): void {
  setTimeout(() => {
    if (listeners.size > 0 && source === undefined) open()
  }, REOPEN_MS)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  if (source === undefined) open()
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    source?.close()
    source = undefined
  }
}

/** The links of the site, as they are now; told twice a second at most. */
export const useLive = (): Live => useSyncExternalStore(subscribe, () => live)

/** What has come of a link, sample by sample. @returns ends it */
export function followSamples(link: string, draw: (samples: readonly Sample[]) => void) {
  const follow = (): void => draw(live.series.get(link) ?? [])
  follow()
  curves.add(follow)
  return () => void curves.delete(follow)
}

/** Five minutes. */
const SAMPLES_MAX = 300
const REOPEN_MS = 2000
const FIGURES_MS = 500
/** Without news for so long, what is shown is stale. */
export const STALE_MS = 5000
