"""From a response to an answer, from answers to metrics, from metrics to intervals."""
