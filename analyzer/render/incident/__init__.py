"""The post-incident report: what happened, to whom, why, and what people still have to add.

``analyze incident`` builds it in three steps. A :class:`~analyzer.render.incident.slices.Slice` is
the part of a finished run that one incident is, with what one audience may see of it. The sections
turn a slice into a :class:`~analyzer.render.incident.document.Document`, which is plain data. The
renderings (HTML, Markdown, text, JSON) show a document and know nothing of incidents.

No module here defines ``FORMAT``: these are no renderings of a whole Analysis.
"""
