"""The main job from end to end, seen from an editor's side: `turnout demo`."""
