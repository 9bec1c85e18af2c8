/**
 * The lines of a chart by years. Lines that are out of sight are not laid out, and one of them at a
 * time is reached by the tab key: the arrow keys go from there.
 *
 * @module
 */

import { Badge, Text, Title } from '@mantine/core'
import { useState, type KeyboardEvent } from 'react'
import { recordTexts } from '../texts-records.ts'
import { byYear, type ChartEntry } from './chart-model.ts'

const words = recordTexts.chart

export function Timeline(about: {
  readonly entries: readonly ChartEntry[]
  readonly onOpen: (entry: ChartEntry) => void
}) {
  const { entries, onOpen } = about
  const [current, setCurrent] = useState<string>()
  const isHere = entries.some(({ name }) => name === current)
  const reached = isHere ? current : entries[0]?.name
  return (
    <div onKeyDown={moveFocus}>
      {byYear(entries).map(([year, some]) => (
        <section key={year} aria-label={year === '' ? words.undated : year}>
          <Title order={2} size="h5" mt="sm">
            {year === '' ? words.undated : year}
          </Title>
          <ul className="timeline">
            {some.map((entry) => (
              <li key={entry.name}>
                <Line
                  entry={entry}
                  isReached={entry.name === reached}
                  onFocus={() => setCurrent(entry.name)}
                  onOpen={() => onOpen(entry)}
                />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  )
}

function Line(about: {
  readonly entry: ChartEntry
  readonly isReached: boolean
  readonly onFocus: () => void
  readonly onOpen: () => void
}) {
  const { entry, isReached, onFocus, onOpen } = about
  const { kind, title, detail, date, labels } = entry
  return (
    <button
      type="button"
      data-line
      tabIndex={isReached ? 0 : -1}
      onFocus={onFocus}
      onClick={onOpen}
    >
      <span className="figure">{dayOf(date)}</span>
      <span className="kind">
        <span aria-hidden="true">{words.sign[kind]} </span>
        {words.one[kind]}
      </span>
      <span>
        <Text component="span" fw={kind === 'encounter' ? 600 : 400}>
          {title}
        </Text>
        {labels.map((label) => (
          <Badge key={label} variant="outline" color="gray" tt="none" ml="xs" size="sm">
            {label}
          </Badge>
        ))}
      </span>
      <Text component="span" c="dimmed">
        {detail}
      </Text>
    </button>
  )
}

/** Up, down, first and last line. */
function moveFocus(event: KeyboardEvent<HTMLDivElement>): void {
  const lines = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-line]')]
  const at = lines.indexOf(document.activeElement as HTMLElement)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 }[event.key]
  if (at === -1 || to === undefined) return
  event.preventDefault()
  lines[Math.max(0, Math.min(lines.length - 1, to))]?.focus()
}

/** The day of a date, however exact it is. */
export const dayOf = (date: string | undefined): string =>
  date?.slice(0, 'YYYY-MM-DD'.length) ?? '–'
