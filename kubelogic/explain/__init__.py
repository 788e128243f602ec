"""Why a pod is where it is, why it is pending, what conflicts and what would repair it: data, words apart."""
