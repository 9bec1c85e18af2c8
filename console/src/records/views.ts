/**
 * The views of a chart, as addresses name them.
 *
 * @module
 */

export const CHART_VIEWS = ['timeline', 'measured', 'consent', 'looked', 'sent'] as const
export type ChartView = (typeof CHART_VIEWS)[number]

export const isChartView = (value: unknown): value is ChartView =>
  CHART_VIEWS.some((view) => view === value)
