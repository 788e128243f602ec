"""Controllers against plain Python transcriptions of the algorithms that Kubernetes documents and its source has.

The transcriptions share no code with the rules: they read the documents of a cluster and say what one look of a
controller at them does. Every tick of random scenarios is compared with them (``compare``).
"""
